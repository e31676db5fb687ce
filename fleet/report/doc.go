// Package report writes a fleet's answer for its readers: a terminal (Text), a pull request's comment (Markdown), a browser
// (HTML), and the machines of CI systems (JUnit, SARIF, JSON). Every form says the same, the gravest first: data that would
// be lost, stacks without an answer, promises weakened, then the changes, each once with whom it happens to.
//
// Names, errors and values come from clients' files, programs and clouds. Whatever they hold, they cannot become markup,
// mentions, links or terminal codes. The package must not know how an answer comes about, nor where its text goes.
package report
