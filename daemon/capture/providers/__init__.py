"""What each provider's requests and answers say of a call: pure, without a proxy."""
