"""Who of the consenting people is this? Open-set 1:N, answered per subject, exact in every decision."""
