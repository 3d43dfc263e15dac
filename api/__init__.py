"""Pages and HTTP: sign-in, JSON API, the live stream, and what people see."""
