"""What the page asks for, a file per subject. Each has a function `routes` and handlers that call library functions."""
