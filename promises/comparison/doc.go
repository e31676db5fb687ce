// Package comparison sets the kinds of hosting side by side, promise by
// promise: what the provider keeps, what the client keeps, what is not offered,
// and with which figures. It is what a client reads to choose between SaaS and
// their own premises.
//
// New makes the comparison of promises as they are made by default: it looks at
// no client's spec and no stack. Text, Markdown, HTML and JSON write it.
// Whether promises are kept is not its subject; that is what evidence is for.
package comparison
