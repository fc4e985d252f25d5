"""What is done with the repository before a release."""
