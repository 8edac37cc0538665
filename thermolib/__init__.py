"""The helper library of *What Thinking Costs*: what a chapter computes, it imports from here."""
