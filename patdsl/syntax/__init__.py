"""From `.pat` text to its AST and back: grammar, parser with recovery, formatter."""
