/* What was recorded, as arrays: which operation each node is, and which are its inputs. */

typedef struct { const Value *key; int64_t code; } Coded;
typedef struct { Coded *at; size_t room, count; } Codes; /* a hash table; `room` a power of two */

static Coded *place_in(const Codes *codes, const Value *v) {
    size_t i = (size_t)(((uintptr_t)v >> 4) * (uint64_t)11400714819323198485ULL >> 20);
    for (i &= codes->room - 1; codes->at[i].key && codes->at[i].key != v;)
        i = (i + 1) & (codes->room - 1);
    return &codes->at[i];
}

/* Where the code of v is, or will be; NULL with an error set. The key is set already. */
static Coded *code_of(Codes *codes, const Value *v) {
    if (2 * (codes->count + 1) > codes->room) {
        const Codes old = *codes;
        codes->room = old.room ? 2 * old.room : 1024;
        codes->at = PyMem_Calloc(codes->room, sizeof *codes->at);
        if (!codes->at) { *codes = old; PyErr_NoMemory(); return NULL; }
        for (size_t i = 0; i < old.room; i++)
            if (old.at[i].key) *place_in(codes, old.at[i].key) = old.at[i];
        PyMem_Free(old.at);
    }
    Coded *found = place_in(codes, v);
    if (!found->key) { *found = (Coded){v, -1}; codes->count++; }
    return found;
}

typedef struct {
    PyObject *nodes;  /* whose marks are their numbers, from 1; those of others are in `codes` */
    Py_ssize_t count;
    Codes codes;
    PyObject *leaves, *rows, *many;
    int64_t *of_leaves; /* for each leaf the node that uses it first, and its sort */
    size_t room;
    int64_t of_row[MOST_ROWS];
} Recorded;

static inline int is_numbered(const Recorded *r, const Value *v) {
    return v->mark && v->mark <= (unsigned long long)r->count
        && item_at(r->nodes, (Py_ssize_t)v->mark - 1) == OBJECT(v);
}

/* Number the nodes, those with a mark in `codes`; 0 with an error set. No Python runs until the marks are what they were. */
static int number_nodes(Recorded *r) {
    for (Py_ssize_t i = 0; i < r->count; i++) {
        Value *v = (Value *)item_at(r->nodes, i);
        if (!ANY_VALUE(v)) { PyErr_Format(PyExc_TypeError, "not a Value: %R", v); return 0; }
        if (!v->mark) { v->mark = (unsigned long long)i + 1; continue; }
        if (is_numbered(r, v) && (Py_ssize_t)v->mark <= i) continue;  /* it is there twice */
        Coded *own = code_of(&r->codes, v);
        if (!own) return 0;
        if (own->code < 0) own->code = i;
    }
    return 1;
}

static void clear_numbers(Recorded *r) {
    for (Py_ssize_t i = 0; i < r->count; i++) {
        Value *v = (Value *)item_at(r->nodes, i);
        if (!ANY_VALUE(v)) return;
        if (!r->codes.room || place_in(&r->codes, v)->key != v) v->mark = 0;
    }
}

/* What a leaf is: the address of the float that it stands for, 0, or -1 if it is no leaf elsewhere. */
static int64_t sort_of(const Value *v) {
    if (v->row == ROW_OPERAND && v->kind == NUMBER) return (int64_t)(intptr_t)v->number;
    return is_leaf(v) ? 0 : -1;
}

static int add_leaf(Recorded *r, PyObject *x, int64_t user, size_t k) {
    if (k == r->room) {
        const size_t room = k ? 2 * k : 1024;
        int64_t *of_leaves = PyMem_Realloc(r->of_leaves, 2 * room * sizeof *of_leaves);
        if (!of_leaves) { PyErr_NoMemory(); return 0; }
        r->of_leaves = of_leaves;
        r->room = room;
    }
    r->of_leaves[2 * k] = user;
    r->of_leaves[2 * k + 1] = sort_of((Value *)x);
    return PyList_Append(r->leaves, x) == 0;
}

/* The code of an input: the number of a node, or -2 - k for the k-th leaf. 0 with an error set. */
static int input_code(Recorded *r, PyObject *x, int64_t user, int64_t *code) {
    if (!ANY_VALUE(x)) { PyErr_Format(PyExc_TypeError, "not a Value: %R", x); return 0; }
    if (is_numbered(r, (Value *)x)) { *code = (int64_t)((Value *)x)->mark - 1; return 1; }
    Coded *found = code_of(&r->codes, (Value *)x);
    if (!found) return 0;
    if (found->code == -1) {
        const size_t k = (size_t)PyList_Size(r->leaves);
        if (!add_leaf(r, x, user, k)) return 0;
        found->code = -2 - (int64_t)k;
    }
    *code = found->code;
    return 1;
}

static int input_codes(Recorded *r, PyObject *inputs, int64_t user, int64_t *codes) {
    for (Py_ssize_t j = 0; j < PyObject_Length(inputs); j++)
        if (!input_code(r, item_of(inputs, j), user, codes + j)) return 0;
    return 1;
}

/* More inputs than have a place in a node: their codes are in the dict. */
static int many_codes(Recorded *r, Value *v, int64_t i) {
    PyObject *inputs = inputs_of(v), *number = PyLong_FromLongLong(i), *bytes = NULL;
    if (inputs && PyTuple_Check(inputs))
        bytes = PyBytes_FromStringAndSize(NULL, PyTuple_Size(inputs) * (Py_ssize_t)sizeof(int64_t));
    const int well = bytes && number
        && input_codes(r, inputs, i, (int64_t *)(void *)PyBytes_AsString(bytes))
        && PyDict_SetItem(r->many, number, bytes) == 0;
    Py_XDECREF(inputs);
    Py_XDECREF(number);
    Py_XDECREF(bytes);
    return well;
}

/* One node: the number of its row among those that occur, its inputs, its static parameter. */
static int node_codes(Recorded *r, Value *v, int64_t i, PyObject *hidden, int32_t *row,
                      int64_t *codes, double *parameter) {
    PyObject *own = is_leaf(v) ? Py_None : rows[v->row];
    int64_t *number = &r->of_row[own == Py_None ? 0 : v->row];
    if (*number < 0) {
        *number = PyList_Size(r->rows);
        if (PyList_Append(r->rows, own) < 0) return 0;
    }
    *row = (int32_t)*number;
    *parameter = v->kind == ONE_STATIC ? v->k : NAN;
    codes[0] = codes[1] = codes[2] = -1;
    if (own == hidden || v->kind < MANY) return 1;
    if (v->kind == MANY) return many_codes(r, v, i);
    if (!input_code(r, OBJECT(v->a), i, codes)) return 0;
    if (v->kind == TWO) return input_code(r, OBJECT(v->b), i, codes + 1);
    return v->kind != THREE || (input_code(r, OBJECT(v->rest->b), i, codes + 1)
                                && input_code(r, OBJECT(v->rest->c), i, codes + 2));
}

/* as_arrays(nodes, others, hidden): see the core in Python */
static PyObject *function_as_arrays(PyObject *module, PyObject *args) {
    PyObject *nodes, *others, *hidden, *result = NULL;
    if (!PyArg_ParseTuple(args, "O!O!O", &PyList_Type, &nodes, &PyList_Type, &others, &hidden))
        return NULL;
    const Py_ssize_t n = PyList_Size(nodes), m = PyList_Size(others);
    Recorded r = {nodes, n, .leaves = PyList_New(0), .rows = PyList_New(0), .many = PyDict_New()};
    for (int i = 0; i < MOST_ROWS; i++) r.of_row[i] = -1;
    PyObject *row = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(int32_t));
    PyObject *codes = PyBytes_FromStringAndSize(NULL, (3 * n + m) * (Py_ssize_t)sizeof(int64_t));
    PyObject *parameters = PyBytes_FromStringAndSize(NULL, n * (Py_ssize_t)sizeof(double));
    int well = r.leaves && r.rows && r.many && row && codes && parameters && number_nodes(&r);
    int64_t *to = well ? (int64_t *)(void *)PyBytes_AsString(codes) : NULL;
    for (Py_ssize_t i = 0; well && i < n; i++)
        well = node_codes(&r, (Value *)item_at(nodes, i), i, hidden,
                          (int32_t *)(void *)PyBytes_AsString(row) + i, to + 3 * i,
                          (double *)(void *)PyBytes_AsString(parameters) + i);
    well = well && input_codes(&r, others, n, to + 3 * n);
    clear_numbers(&r);
    if (well)
        result = Py_BuildValue("OOOOOOy#", r.rows, row, codes, parameters, r.many, r.leaves,
                               r.of_leaves ? (char *)r.of_leaves : "",
                               2 * PyList_Size(r.leaves) * (Py_ssize_t)sizeof(int64_t));
    PyMem_Free(r.codes.at);
    PyMem_Free(r.of_leaves);
    Py_XDECREF(r.leaves);
    Py_XDECREF(r.rows);
    Py_XDECREF(r.many);
    Py_XDECREF(row);
    Py_XDECREF(codes);
    Py_XDECREF(parameters);
    return result;
}
