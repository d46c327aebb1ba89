"""What a detector reached, for people and for other programs."""
