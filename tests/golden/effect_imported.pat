# `store` is not imported: it has the same effect all the same.
import effect (load, double, load_twice)

pattern one { load -> double => load_twice }
