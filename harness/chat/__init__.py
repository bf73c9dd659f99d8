"""A page on which two clients are asked the same question, and the same fault strikes both."""
