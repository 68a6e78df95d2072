"""What is measured on a GPU, what one would take, and the records of both."""
