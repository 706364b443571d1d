"""One verb a module. Each takes values, returns a frozen result, and never prints or exits."""
