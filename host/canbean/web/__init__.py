"""The local web page of a roast meter: readings as they come, and the pairing session."""
