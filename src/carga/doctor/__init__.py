"""What this machine has, what it lacks, and how many users it should hold."""
