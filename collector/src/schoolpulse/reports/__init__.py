"""What an office hands in: figures over a period, and the forms that they are handed in."""
