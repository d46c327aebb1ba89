"""What the files of several operators share."""
