"""Members of a workspace: who belongs to it in which role, who is invited, and how many may."""
