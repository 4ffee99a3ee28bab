"""Files that commands read and write: text, kinds of output, locks."""
