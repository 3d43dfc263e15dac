"""A recorded clip through the code that looks at live cameras, and why each pass in it was caught or missed."""
