"""The benchmarks of kapre_ref, for asv: each topic has a file, and each operation a class."""
