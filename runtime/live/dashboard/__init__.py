"""`stapes listen --web`: a live page that shows what the detector hears."""
