#include "rows_launch.h"

template int patdsl::launch_rows<patdsl::F16, patdsl::Family::kGatedNorm>(const PatdslRowsCall&);
