"""Steps from one version's tables to the next, one file each."""
