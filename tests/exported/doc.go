// Package exported brings the reference stacks up on the embedded cloud, exports their states without secrets, and holds
// previews against these exports beside previews that have everything: both have to say the same. It looks for every
// secret, in every form of writing, in what was exported.
package exported
