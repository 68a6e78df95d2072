"""What `report.py` measures, and how it shows the results."""
