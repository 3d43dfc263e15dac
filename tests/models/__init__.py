"""The models answer as their authors' own tools do, and their files are what they should be."""
