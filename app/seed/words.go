package seed

// The people are made up; so is what they do.
var (
	firstNames = []string{"Ada", "Ben", "Chloe", "Daniel", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Keiko", "Liam", "Mara", "Nils", "Olga", "Priya", "Quentin", "Rosa", "Sami", "Tove"}
	lastNames  = []string{"Archer", "Brooks", "Castell", "Draper", "Ellwood", "Fenwick", "Garland", "Hollis", "Ivers", "Jansen", "Kettle", "Lindqvist", "Marlowe", "Norwood", "Okafor", "Pemberton", "Quist"}

	steps   = []string{"Agree what done means", "Write it", "Have somebody else look at it"}
	remarks = []string{
		"Looks good to me. Shall we do it **this week**?",
		"I tried it on a phone: the last column is hard to reach with one thumb.",
		"Waiting for an answer from the supplier; they promised one by Thursday.",
		"Done on my side. What is left:\n\n- [x] text\n- [ ] pictures",
		"Could we split this? The first half is useful by itself.",
		"There is a note about it in `README`, second section.",
	}
	descriptions = []string{
		"People ask for this every week. The smallest thing that helps is enough.\n\n**Done when** somebody who has not seen it before finds it without help.",
		"1. Find out how it is done today\n2. Write down what goes wrong\n3. Change one thing, and look again",
		"| What | How much |\n|---|---:|\n| Visitors a day | 1,240 |\n| Of them on phones | 61 % |\n\nSo the small screen comes first.",
		"> It took me three attempts to find the button.\n\nThat was in the second interview. See also the notes of the first.",
	}
)

type plan struct {
	key, name, about string
	labels           []string
	tasks            []string
}

var plans = []plan{
	{"WEB", "New website", "Everything on the way to the new site, from the first sketch to the day it is switched over.", []string{"content", "design", "technology", "accessibility"}, []string{
		"Collect the pages that people read most", "Sketch the start page", "Choose three photographs for the start page", "Write the page about prices",
		"Check the contrast of all colours", "Make the forms work with the keyboard alone", "Redirect the old addresses", "Measure how fast the first page is on a slow line",
		"Ask five customers to find the opening hours", "Write alternative texts for pictures", "Set up the test site", "Plan the day of the move",
		"Translate the five most important pages", "Take the old site down", "Thank everybody who helped", "Look at the numbers after a month",
	}},
	{"OPS", "Office move", "We move in spring: rooms, cables, chairs, and nobody without a desk on Monday.", []string{"rooms", "network", "supplier"}, []string{
		"Measure the rooms", "Compare three removal companies", "Order the internet connection", "Label every box", "Plan who sits where",
		"Test the network in every room", "Give notice for the old office", "Change the address on letters and invoices", "Buy plants that survive us",
		"Order keys and badges", "Invite the neighbours", "Return the old coffee machine", "Hang up the white boards", "Check the emergency exits", "Take the meters' readings",
	}},
	{"SUP", "Customer support", "What customers ask for, and what we do so that they need not ask again.", []string{"question", "complaint", "idea", "invoice"}, []string{
		"Answer the questions of the weekend", "Write a page for the question that comes most often", "Call back about the damaged parcel", "Credit note for a double invoice",
		"Explain how to change the address", "Collect ideas from last month's calls", "Shorten the greeting on the telephone", "Find out why answers take longer on Mondays",
		"Write templates for five kinds of answer", "Check that every complaint was answered", "Ask how content people are", "Say thank you for the longest letter",
	}},
}
