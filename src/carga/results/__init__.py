"""What is left of a run: summary, report, JUnit, comparison."""
