# `view`: at least one.
import lang (double, increment, both)

pattern required { double -> view -> increment => both }
