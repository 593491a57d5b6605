"""Who a person is and what they may do: permissions, browser sessions, callers of workspace routes."""
