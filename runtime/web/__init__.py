"""A web server for pages of this machine: who may ask, how often, and what every answer carries."""
