"""SCIM 2.0: a company's directory adds and removes members."""
