"""Where every tensor lives: aliases first, then one arena."""
