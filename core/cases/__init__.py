"""Who is sought, why, on whose word and until when: missing persons and controlled vehicles, nobody else."""
