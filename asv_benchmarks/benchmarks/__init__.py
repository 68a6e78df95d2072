"""The benchmarks of kapre_ref, for asv: one file a topic, one class an operation."""
