"""Whatever happens to core and edges, and in whatever order: nobody is found whose consent has ended."""
