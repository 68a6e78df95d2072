"""What `report.py` measures, and how it shows it."""
