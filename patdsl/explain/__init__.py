"""Why a pattern did not match: the matcher's own search, with what stopped it."""
