"""The views, a module each, named as they are."""
