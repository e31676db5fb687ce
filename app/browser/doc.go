// Package browser tries TaskFlow as people meet it: the whole program is started with no configuration, and somebody opens the link that
// the terminal shows and does what a person does in the first ten minutes, in Chromium and, where there is none, by plain HTTP. There is
// nothing in it but tests. With TASKFLOW_SHOTS=folder they leave pictures of every step there, at three widths, light and dark.
package browser
