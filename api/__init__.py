"""HTTP: sign-in, live alerts, pages."""
