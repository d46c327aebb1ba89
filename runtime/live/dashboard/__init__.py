"""`stapes listen --web`: one page that shows what the detector hears."""
