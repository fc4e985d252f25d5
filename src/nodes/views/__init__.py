"""The pages that nodes show: self-contained HTML, nothing is loaded from the web."""
