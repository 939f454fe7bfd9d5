// Command render prints compose files as Docker Compose would run them: merged, with every variable set, and without
// the services of other profiles. The variables are the environment's.
//
//	render PROFILE FILE...
package main

import (
	"fmt"
	"os"

	"streamgauge.test/manifests"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: render PROFILE FILE...")
		os.Exit(2)
	}
	project, err := manifests.Compose(os.Args[1:2], os.Environ(), os.Args[2:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	text, err := project.MarshalYAML()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(string(text))
}
