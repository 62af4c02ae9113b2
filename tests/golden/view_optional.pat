# `view?`: any number of layout ops that keep the last dimension, none included.
import lang (double, increment, both)

pattern optional { double -> view? -> increment => both }
