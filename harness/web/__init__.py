"""What all pages of ours share: how they are served to this machine alone, what they are told, and how they look."""
