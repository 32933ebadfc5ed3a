"""What is kept of people, how long, who looked, and how they see it, take it along and have it erased.

It knows every package whose tables hold something of a person, so it stands above them all; ``kinds.py`` is the list.
"""
