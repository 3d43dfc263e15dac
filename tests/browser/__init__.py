"""A real Chromium looks at the pages."""
