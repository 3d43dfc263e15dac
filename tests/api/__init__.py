"""The API: sign-in, permissions, JSON, the live stream, the pages."""
