"""`stapes studio`: one local page to label recordings, train, judge and sort what a device has heard."""
