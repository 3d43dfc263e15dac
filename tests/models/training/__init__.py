"""What made the weights that come with Anju."""
