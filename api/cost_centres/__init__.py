"""Cost centres: the business units that projects are grouped into."""
