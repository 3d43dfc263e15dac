"""Everything the demo shows is drawn here, from numbers: no photograph of anyone or anything."""
